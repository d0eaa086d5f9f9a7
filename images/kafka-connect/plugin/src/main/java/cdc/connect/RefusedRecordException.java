package cdc.connect;

import org.apache.kafka.connect.errors.DataException;

/** Why a record is in the dead letter queue: the database refuses it for good. Names no row value. */
public class RefusedRecordException extends DataException {

    private static final long serialVersionUID = 1;

    RefusedRecordException(String message) {
        super(message);
    }
}
