package cdc.connect;

import org.apache.kafka.connect.errors.DataException;

/** Why a record is in the dead letter queue: an earlier one of its key is. */
public class DeadKeyException extends DataException {

    private static final long serialVersionUID = 1;

    DeadKeyException(String message) {
        super(message);
    }
}
