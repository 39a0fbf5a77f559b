package dev.edgekd.core.bundle

import dev.edgekd.core.engine.EngineName
import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonFields
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import dev.edgekd.core.tensor.TensorSpec
import java.io.DataInputStream
import java.io.File
import java.io.FileInputStream
import java.io.IOException

/** Reads folders that `edgekd` exported, and believes nothing that it did not check. */
object BundleReader {
    const val FILE: String = "bundle.json"
    private const val SCHEMA = 1
    private const val MOST_JSON_BYTES = 1L shl 20
    private const val MOST_MODEL_BYTES = 1L shl 31
    private const val MOST_GOLDEN_BYTES = 1L shl 28
    private const val MOST_LABELS = 10_000
    private const val MOST_LABEL = 200
    private const val MOST_NAME = 200
    private const val MOST_SCHEME = 1_000

    /**
     * The bundle in [folder], its files checked against their hashes.
     *
     * Throws [Problem]: `bundle.json` is missing or wrong (`model`), a file is not the one that it
     * names (`hash`), nothing on a phone runs its format (`request`), or a file cannot be read
     * (`storage`).
     */
    fun read(folder: File): Bundle =
        try {
            bundle(folder, fields(folder))
        } catch (error: IOException) {
            throw Problem(Reason.STORAGE, "${folder.name} cannot be read: ${error.message}", error)
        }

    private fun fields(folder: File): JsonFields {
        val file = File(folder, FILE)
        if (!file.isFile) {
            throw Problem(
                Reason.MODEL,
                "there is no $FILE in ${folder.name}: export the model anew",
            )
        }
        val size = file.length()
        if (size > MOST_JSON_BYTES) throw Problem(Reason.MODEL, "$FILE is larger than 1 MiB")
        val content = ByteArray(size.toInt())
        DataInputStream(FileInputStream(file)).use { it.readFully(content) }
        val value =
            try {
                Json.parse(content, Reason.MODEL)
            } catch (problem: Problem) {
                throw Problem(problem.reason, "$FILE: ${problem.message}", problem)
            }
        return JsonFields(value, FILE, Reason.MODEL)
    }

    private fun bundle(folder: File, fields: JsonFields): Bundle {
        checkSchema(fields)
        val engine = engine(fields)
        val files = BundleFiles(folder)
        val inputs = TensorSpecReader.read(fields, "inputs")
        val outputs = TensorSpecReader.read(fields, "outputs")
        if (inputs.any { it.shape.firstOrNull() != 1 }) {
            fields.fail(
                "inputs",
                "hold no batch of one",
            )
        }
        val labels = fields.texts("labels", MOST_LABELS, MOST_LABEL)
        val preprocessing =
            if (fields.has("preprocessing")) {
                PreprocessingReader(fields.fields("preprocessing"), inputs, files).read()
            } else {
                null
            }
        val bytes = fields.integer("bytes", 1..MOST_MODEL_BYTES)
        val bundle =
            Bundle(
                name = fields.text("name", MOST_NAME),
                rung = fields.text("rung", MOST_NAME),
                engine = engine,
                precision = fields.text("precision", MOST_NAME),
                scheme = fields.text("scheme", MOST_SCHEME),
                folder = folder,
                model = files.model(fields, bytes),
                sha256 = files.hash(fields, "sha256"),
                modelBytes = bytes,
                inputs = inputs,
                outputs = outputs,
                labels = labels,
                preprocessing = preprocessing,
                golden = golden(fields, files),
            )
        checkLabels(fields, bundle)
        return bundle
    }

    private fun checkSchema(fields: JsonFields) {
        val schema = fields.integer("schema", 0..Int.MAX_VALUE)
        if (schema >
            SCHEMA
        ) {
            fields.fail("schema", "$schema is newer than this app: install a newer app")
        }
        if (schema < SCHEMA) fields.fail("schema", "$schema is too old: export the model anew")
    }

    private fun engine(fields: JsonFields): EngineName {
        val format = fields.text("format")
        if (format == "c" || format == "coreml") {
            throw Problem(
                Reason.REQUEST,
                "a bundle of format $format does not run in this app: export it for an Android target",
            )
        }
        return EngineName.ofFormat(format)
            ?: fields.fail("format", "is unknown: $format; install a newer app or export anew")
    }

    private fun golden(fields: JsonFields, files: BundleFiles): File? {
        if (!fields.has("golden")) return null
        return files.checked(fields, "golden", "golden_sha256", MOST_GOLDEN_BYTES)
    }

    /** A bundle without preprocessing is no classifier that a person could ask. */
    private fun checkLabels(fields: JsonFields, bundle: Bundle) {
        if (bundle.labels.isEmpty() && bundle.preprocessing != null) {
            fields.fail("labels", "are missing: export the model anew")
        }
        val classes = elements(bundle.outputs[0])
        if (bundle.labels.isNotEmpty() && !bundle.reconstructs && bundle.labels.size != classes) {
            fields.fail("labels", "are ${bundle.labels.size} for $classes outputs")
        }
    }

    private fun elements(spec: TensorSpec): Int = spec.shape.fold(1) { all, one -> all * one }
}
