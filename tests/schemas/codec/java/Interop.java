import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.generic.GenericRecordBuilder;
import org.apache.avro.io.EncoderFactory;
import org.apache.avro.io.JsonEncoder;
import org.apache.avro.message.BinaryMessageDecoder;
import org.apache.avro.message.BinaryMessageEncoder;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;

/**
 * A program that knows nothing of the system but the schema files and Kafka. All bytes are printed
 * and read as hexadecimal, one record per line.
 */
public final class Interop {
  private static final HexFormat HEX = HexFormat.of();
  private static final GenericData DATA = new GenericData();

  public static void main(String[] arguments) throws Exception {
    switch (arguments[0]) {
      case "fingerprints" -> fingerprints(arguments);
      case "write" -> System.out.println(HEX.formatHex(encode(deposit(schema(arguments[1])))));
      case "read" -> read(schema(arguments[1]));
      case "partitions" -> partitions(Integer.parseInt(arguments[1]));
      case "produce" -> produce(arguments[1], arguments[2]);
      case "consume" -> consume(arguments[1], arguments[2], Integer.parseInt(arguments[3]));
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static Schema schema(String file) throws IOException {
    return new Schema.Parser().parse(new File(file));
  }

  /** CRC-64-AVRO of each file, in the order of the bytes of a message. */
  private static void fingerprints(String[] arguments) throws Exception {
    for (int i = 1; i < arguments.length; i++) {
      byte[] crc = SchemaNormalization.parsingFingerprint("CRC-64-AVRO", schema(arguments[i]));
      System.out.println(HEX.formatHex(crc));
    }
  }

  private static byte[] encode(GenericRecord record) throws IOException {
    ByteBuffer bytes =
        new BinaryMessageEncoder<GenericRecord>(DATA, record.getSchema()).encode(record);
    byte[] out = new byte[bytes.remaining()];
    bytes.get(out);
    return out;
  }

  /** A deposit; what is left out has its default. */
  private static GenericRecord deposit(Schema schema) {
    Schema provenance = schema.getField("provenance").schema();
    GenericRecord software =
        record(field(provenance, "software"), Map.of("id", "1.2.250.1.999.7", "name", "Java LIS",
            "version", "4.2", "approval", "DMP-2024-7"));
    GenericRecord actor =
        record(field(provenance, "actor"), Map.of("id", "1.2.250.1.71.4.2.1^899700000001",
            "name", "Zoë Ünïcode", "sectorCode", "SA25"));
    return record(schema, Map.of(
        "messageId", fixed(schema, "messageId", 16),
        "provenance", record(provenance, Map.of(
            "software", software,
            "actor", actor,
            "authenticationMode", symbol(provenance, "authenticationMode", "PRO_SANTE_CONNECT"),
            "purposeOfUse", "normal",
            "channel", symbol(provenance, "channel", "HISTORICAL"),
            "occurredAt", 1_730_000_000_123L)),
        "ins", record(field(schema, "ins"), Map.of(
            "oid", "1.2.250.1.213.1.4.10",
            "matricule", "279035121518989",
            "status", symbol(field(schema, "ins"), "status", "QUALIFIEE"))),
        "visibilityOnly", true,
        "document", document(field(schema, "document")),
        "content", ByteBuffer.wrap("<ClinicalDocument>é€𝄞</ClinicalDocument>"
            .getBytes(StandardCharsets.UTF_8))));
  }

  private static GenericRecord document(Schema schema) {
    Schema author = field(schema, "authors").getElementType();
    Schema coded = field(schema, "eventCodeList").getElementType();
    Map<String, Object> texts = new java.util.HashMap<>(Map.of(
        "uniqueId", "1.2.250.1.999.7.42", "replaces", "1.2.250.1.999.7.41",
        "typeCode", "11502-2", "classCode", "10", "formatCode", "urn:ihe:lab:xd-lab:2008",
        "mimeType", "text/xml", "languageCode", "fr-FR",
        "title", "Compte rendu d'examens biologiques, partiel, de la journée du 6 janvier 2024"));
    texts.putAll(Map.of(
        "legalAuthenticatorId", "1.2.250.1.71.4.2.1^899700000001",
        "creationTime", "20240106113623+0100", "serviceStartTime", "20240106",
        "healthcareFacilityTypeCode", "SA25", "practiceSettingCode", "BIO"));
    texts.putAll(Map.of(
        "versionNumber", -3, "size", 5_000_000_000L,
        "hash", fixed(schema, "hash", 20), "sha256", fixed(schema, "sha256", 32),
        "confidentialityCode", symbol(schema, "confidentialityCode", "R"),
        "masquePs", true, "invisiblePatient", false, "invisibleRepresentantsLegaux", true));
    texts.put("authors", List.of(
        record(author, Map.of("id", "1^2", "isDevice", false)),
        record(author, Map.of("id", "3^4", "name", "", "isDevice", true))));
    texts.put("eventCodeList",
        List.of(record(coded, Map.of("code", "TSH", "system", "2.16.840.1.113883.6.1"))));
    texts.put("referenceIdList", List.of());
    return record(schema, texts);
  }

  private static Schema field(Schema schema, String name) {
    return schema.getField(name).schema();
  }

  private static GenericRecord record(Schema schema, Map<String, Object> values) {
    GenericRecordBuilder builder = new GenericRecordBuilder(schema);
    values.forEach(builder::set);
    return builder.build();
  }

  private static GenericData.EnumSymbol symbol(Schema schema, String field, String name) {
    return new GenericData.EnumSymbol(field(schema, field), name);
  }

  /** The bytes 0, 1, 2... */
  private static GenericData.Fixed fixed(Schema schema, String field, int size) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) i;
    }
    return new GenericData.Fixed(field(schema, field), bytes);
  }

  /** For each message: what it says in Avro's JSON form. */
  private static void read(Schema schema) throws IOException {
    BinaryMessageDecoder<GenericRecord> decoder = new BinaryMessageDecoder<>(DATA, schema);
    for (String line : lines()) {
      GenericRecord record = decoder.decode(HEX.parseHex(line));
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      JsonEncoder json = EncoderFactory.get().jsonEncoder(schema, out);
      new GenericDatumWriter<GenericRecord>(schema).write(record, json);
      json.flush();
      System.out.println(HEX.formatHex(out.toByteArray()));
    }
  }

  /** For each key: the partition of the Java producer's default partitioner. */
  private static void partitions(int count) throws IOException {
    for (String line : lines()) {
      System.out.println(Utils.toPositive(Utils.murmur2(HEX.parseHex(line))) % count);
    }
  }

  /** For each "key value": the partition it was acknowledged on. Default settings. */
  private static void produce(String bootstrap, String topic) throws Exception {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    ByteArraySerializer plain = new ByteArraySerializer();
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, plain, plain)) {
      for (String line : lines()) {
        String[] parts = line.split(" ");
        byte[] key = HEX.parseHex(parts[0]);
        byte[] value = HEX.parseHex(parts[1]);
        System.out.println(producer.send(new ProducerRecord<>(topic, key, value)).get().partition());
      }
    }
  }

  /** The first `count` records as "partition key value". */
  private static void consume(String bootstrap, String topic, int count) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("group.id", "interop");
    settings.put("auto.offset.reset", "earliest");
    ByteArrayDeserializer plain = new ByteArrayDeserializer();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, plain, plain)) {
      consumer.subscribe(List.of(topic));
      long end = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      for (int seen = 0; seen < count && System.nanoTime() < end; ) {
        for (ConsumerRecord<byte[], byte[]> r : consumer.poll(Duration.ofMillis(200))) {
          System.out.println(
              r.partition() + " " + HEX.formatHex(r.key()) + " " + HEX.formatHex(r.value()));
          seen++;
        }
      }
    }
  }

  private static List<String> lines() throws IOException {
    try (BufferedReader in = new BufferedReader(new InputStreamReader(System.in))) {
      return in.lines().toList();
    }
  }
}
