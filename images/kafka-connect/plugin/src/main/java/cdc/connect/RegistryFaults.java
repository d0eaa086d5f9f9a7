package cdc.connect;

import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.errors.RetriableException;

/** Tells an unreachable schema registry from a record that cannot be converted. */
final class RegistryFaults {

    private static final List<String> STATUS_GETTERS = List.of("getStatus", "getResponseStatusCode");

    private RegistryFaults() {
    }

    /** Whether the same conversion can succeed once the registry answers again. */
    static boolean isTransient(Throwable failure) {
        return Causes.of(failure).stream().anyMatch(cause -> cause instanceof TimeoutException
                || cause instanceof RetriableException
                || cause instanceof IOException && !isAboutData(cause)
                || cause.getClass().getName().startsWith("io.vertx.core.")
                || isTransientStatus(httpStatus(cause)));
    }

    /** Parsers report bad bytes as IOException too, for example end of file in a truncated Avro record. */
    private static boolean isAboutData(Throwable cause) {
        return cause instanceof CharacterCodingException
                || cause.getClass().getName().startsWith("com.fasterxml.jackson.")
                || Arrays.stream(cause.getStackTrace()).anyMatch(f -> f.getClassName().startsWith("org.apache.avro."));
    }

    /** 408 and 429 ask for a later try, 5xx is the server's own failure. */
    private static boolean isTransientStatus(int status) {
        return status == 408 || status == 429 || status >= 500 && status <= 599;
    }

    /** The HTTP status that a registry client's exception carries, or 0. Known by name: no client is compiled in. */
    private static int httpStatus(Throwable cause) {
        if (!isClientException(cause.getClass())) {
            return 0;
        }
        for (String getter : STATUS_GETTERS) {
            try {
                if (cause.getClass().getMethod(getter).invoke(cause) instanceof Integer status && status > 0) {
                    return status;
                }
            }
            catch (ReflectiveOperationException e) {
                continue; // The other client's name for it.
            }
        }
        return 0;
    }

    /** RestClientException is Confluent's; ProblemDetails is Apicurio's and extends the ApiException of its HTTP layer. */
    private static boolean isClientException(Class<?> type) {
        String name = type.getSimpleName();
        return name.equals("RestClientException") || name.equals("ApiException") || name.endsWith("ProblemDetails");
    }
}
