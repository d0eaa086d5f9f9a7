# The plug-ins of the Kafka Connect image, and nothing else: /plugins/<plug-in>/*.jar. Built where Maven Central can be reached.
ARG MAVEN_IMAGE=maven:3.9.6-eclipse-temurin-17
FROM ${MAVEN_IMAGE} AS build
COPY . /src
RUN /src/stage-plugins.sh /plugins --scylla-source

FROM scratch
COPY --from=build /plugins /plugins
