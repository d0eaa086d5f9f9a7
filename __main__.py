"""The Pulumi program: settings in, components up, endpoints out."""

from infra.config import load_settings
from infra.stack import deploy

deploy(load_settings())
