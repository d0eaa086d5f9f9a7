package cdc.connect;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;

/** Where a record stands in Kafka, whatever transforms made of its topic. */
record Place(String topic, int partitionNumber, long offset) {

    static Place of(SinkRecord record) {
        return new Place(record.originalTopic(), record.originalKafkaPartition(), record.originalKafkaOffset());
    }

    TopicPartition partition() {
        return new TopicPartition(topic, partitionNumber);
    }

    @Override
    public String toString() {
        return "record " + topic + "-" + partitionNumber + "@" + offset;
    }
}
