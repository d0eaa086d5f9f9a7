package com.scylladb.cdc.debezium.connector;

import cdc.standin.source.Assignment;
import cdc.standin.source.ConfigCheck;
import cdc.standin.source.GenerationWatcher;
import cdc.standin.source.ScyllaSourceTask;
import cdc.standin.source.SourceConfig;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.source.SourceConnector;

/**
 * Stand-in for ScyllaDB's CDC source connector 2.0.3: the same class name, properties, records and offsets in its
 * advanced format. Like that one it does not say whether it supports exactly-once delivery.
 */
public final class ScyllaConnector extends SourceConnector {
    private Map<String, String> properties;
    private GenerationWatcher generations;

    @Override
    public String version() {
        return "2.0.3-standin";
    }

    @Override
    public ConfigDef config() {
        return SourceConfig.DEFINITION;
    }

    @Override
    public Config validate(Map<String, String> connectorProperties) {
        return ConfigCheck.check(connectorProperties);
    }

    @Override
    public void start(Map<String, String> connectorProperties) {
        properties = connectorProperties;
        generations = new GenerationWatcher(new SourceConfig(connectorProperties), context());
        generations.start();
    }

    @Override
    public Class<? extends Task> taskClass() {
        return ScyllaSourceTask.class;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        return Assignment.deal(generations.awaitGeneration(), maxTasks).stream()
                .map(assignments -> {
                    Map<String, String> task = new HashMap<>(properties);
                    task.put(SourceConfig.ASSIGNMENT, assignments);
                    return task;
                })
                .toList();
    }

    @Override
    public void stop() {
        if (generations != null) {
            generations.close();
        }
    }
}
