# The Java agents and the rules of the JMX exporter, and nothing else. Built where Maven Central can be reached.
ARG MAVEN_IMAGE=maven:3.9.6-eclipse-temurin-17
FROM ${MAVEN_IMAGE} AS build
COPY pom.xml /src/
RUN mvn --batch-mode --quiet --file /src/pom.xml -Dlib=/agents package
COPY jmx /agents/jmx

FROM scratch
COPY --from=build /agents /agents
