package cdc.standin.source;

/** Names that are valid in Avro. */
final class SchemaNames {

    private SchemaNames() {
    }

    /** The name with every character that Avro does not allow replaced by an underscore; dots stay. */
    static String valid(String name) {
        return name.replaceAll("[^A-Za-z0-9_.]", "_").replaceAll("(^|\\.)(?=[0-9])", "$1_");
    }
}
