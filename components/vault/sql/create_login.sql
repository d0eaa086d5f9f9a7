-- A login for a limited time. It acts as GROUP_ROLE from its first statement, so that it owns nothing itself.
CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}' IN ROLE GROUP_ROLE;
ALTER ROLE "{{name}}" SET role = 'GROUP_ROLE';
