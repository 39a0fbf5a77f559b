package dev.edgekd.core.preprocessing.tokenizer

import dev.edgekd.core.json.Json
import dev.edgekd.core.json.JsonObject
import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import java.io.File
import java.io.IOException

/**
 * Files of Hugging Face `tokenizers`, version 1.0.
 *
 * Read are the models WordPiece, WordLevel and BPE over characters; the normalizers BertNormalizer,
 * Lowercase, StripAccents, NFC, NFD, NFKC, NFKD and sequences of them; the pre-tokenizers
 * BertPreTokenizer and Whitespace; the post-processors BertProcessing and TemplateProcessing.
 */
object TokenizerReader {
    private const val MOST_BYTES = 64L shl 20
    private const val MOST_ADDED = 10_000

    /**
     * Throws [Problem]: the file is broken, too large, or holds another component, which is named
     * (`model`); it cannot be read (`storage`); there is not enough memory (`memory`).
     */
    fun read(file: File): Tokenizer =
        try {
            if (file.length() > MOST_BYTES) throw Problem(Reason.MODEL, "${file.name} is too large")
            tokenizer(Component.of(Json.parse(file.readBytes()), file.name))
        } catch (error: IOException) {
            throw Problem(Reason.STORAGE, "${file.name} cannot be read", error)
        } catch (error: OutOfMemoryError) {
            throw Problem(Reason.MEMORY, "there is not enough memory for ${file.name}", error)
        }

    private fun tokenizer(root: Component): Tokenizer {
        val model = root.part("model") ?: root.fail("model is missing")
        val vocabulary = TokenModelReader.vocabulary(model)
        val normalizer = NormalizerReader.read(root.part("normalizer"))
        val added = root.parts("added_tokens", MOST_ADDED)
        val known = vocabulary + added.associate { it.text("content") to it.id("id") }
        return Tokenizer(
            rawTokens =
                AddedTokens(
                    added.filter { !it.flag("normalized") }.map { token(it) { it } },
                ),
            normalizedTokens =
                AddedTokens(
                    added.filter { it.flag("normalized") }.map { token(it, normalizer::normalize) },
                ),
            normalizer = normalizer,
            preTokenizer = preTokenizer(root),
            model = TokenModelReader.read(model, vocabulary),
            frame = FrameReader.read(root, known),
        )
    }

    private fun token(added: Component, normalize: (String) -> String): AddedToken {
        val content = normalize(added.text("content"))
        if (content.isEmpty()) added.fail("is empty")
        return AddedToken(
            id = added.id("id"),
            content = content,
            wholeWord = added.flag("single_word"),
            leftSpace = added.flag("lstrip"),
            rightSpace = added.flag("rstrip"),
        )
    }

    private fun preTokenizer(root: Component): PreTokenizer {
        val part = root.part("pre_tokenizer") ?: root.fail("pre_tokenizer is missing")
        return when (part.type) {
            "BertPreTokenizer" -> PreTokenizer.BERT
            "Whitespace" -> PreTokenizer.WHITESPACE
            else -> part.unsupported()
        }
    }
}
