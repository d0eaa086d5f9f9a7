package cdc.standin.scylla;

/** Values of {@code cdc$operation}, as ScyllaDB numbers them. */
enum Operation {
    PRE_IMAGE(0, 0),
    UPDATE(1, 1),
    INSERT(2, 1),
    ROW_DELETE(3, 1),
    PARTITION_DELETE(4, 1),
    RANGE_START_INCLUSIVE(5, 1),
    RANGE_START_EXCLUSIVE(6, 1),
    RANGE_END_INCLUSIVE(7, 1),
    RANGE_END_EXCLUSIVE(8, 1),
    POST_IMAGE(9, 2);

    private final byte code;
    private final int orderInBatch;

    Operation(int code, int orderInBatch) {
        this.code = (byte) code;
        this.orderInBatch = orderInBatch;
    }

    byte code() {
        return code;
    }

    /** All pre-images of a batch come first, then the changes, then all post-images. */
    int orderInBatch() {
        return orderInBatch;
    }
}
