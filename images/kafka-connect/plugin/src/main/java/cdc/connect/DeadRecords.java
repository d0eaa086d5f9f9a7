package cdc.connect;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * What becomes of a record that the database refuses for good, and of later records of the same key.
 *
 * <p>Called by one thread, for each batch in this order: {@link #begin}, then {@link #alive} and {@link #bury} as often
 * as needed, then {@link #end} when the rest of the batch is committed. A batch that is not ended comes again.
 */
interface DeadRecords {

    /** A batch begins, for the first time or again. */
    void begin();

    /** The records that may be written, in the same order. The others are taken care of. */
    List<SinkRecord> alive(List<SinkRecord> records);

    /** Takes a record that the database refused. The reason holds no row value. */
    void bury(SinkRecord record, String reason);

    /** Makes durable what was buried. Throws when that fails; the batch then has to come again. */
    void end(List<SinkRecord> records);

    /** What may be acknowledged of the given offsets. */
    Map<TopicPartition, OffsetAndMetadata> acknowledgeable(Map<TopicPartition, OffsetAndMetadata> offsets);

    /** Other tasks have these partitions now. */
    void forget(Collection<TopicPartition> partitions);
}
