package dev.edgekd.core.preprocessing.tokenizer

import dev.edgekd.core.preprocessing.assertProblem
import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals

class TokenizerReaderTest {
    @get:Rule
    val folder = TemporaryFolder()

    private fun file(text: String): File = folder.newFile().also { it.writeText(text) }

    private fun refused(told: String, vararg changes: Pair<String, String>) {
        val file = file(SmallTokenizer.text(*changes))
        assertProblem(Reason.MODEL, told) { TokenizerReader.read(file) }
    }

    @Test
    fun `a text gets its ids, its frame and its padding`() {
        val tokenizer = TokenizerReader.read(file(SmallTokenizer.text()))
        val found = tokenizer.encode("Hello, WORLDS xyz [MASK]", 10)
        assertEquals(listOf(2, 5, 8, 6, 7, 1, 4, 3, 0, 0), found.ids.toList())
        assertContentEquals(BooleanArray(10) { it < 8 }, found.mask)
        assertEquals(listOf(2, 5, 8, 3), tokenizer.encode("hello, worlds", 4).ids.toList())
        assertEquals(listOf(2, 3, 0), tokenizer.encode("", 3).ids.toList())
    }

    @Test
    fun `a length without room for text is refused`() {
        val tokenizer = TokenizerReader.read(file(SmallTokenizer.text()))
        assertProblem(Reason.MODEL, "leave no room") { tokenizer.encode("hello", 2) }
    }

    @Test
    fun `unknown components are named`() {
        refused("normalizer: Prepend is not", "normalizer" to """{"type": "Prepend"}""")
        refused("pre_tokenizer: Metaspace is not", "pre_tokenizer" to """{"type": "Metaspace"}""")
        refused("pre_tokenizer is missing", "pre_tokenizer" to "null")
        refused("post_processor: ByteLevel is", "post_processor" to """{"type": "ByteLevel"}""")
        refused("model: Unigram is", "model" to """{"type": "Unigram", "vocab": {}}""")
        val model = """{"type": "BPE", "vocab": {"a": 0}, "merges": [], "byte_fallback": true}"""
        refused("BPE with byte_fallback is", "model" to model)
    }

    @Test
    fun `broken components are refused`() {
        refused("model is missing", "model" to "null")
        refused("vocab is missing", "model" to """{"type": "WordLevel"}""")
        refused("is no id", "model" to """{"type": "WordLevel", "vocab": {"a": -1}}""")
        refused("is no id", "model" to """{"type": "WordLevel", "vocab": {"a": 4294967296}}""")
        refused("unk_token is missing", "model" to """{"type": "WordLevel", "vocab": {}}""")
        val unknown = """{"type": "WordPiece", "unk_token": "?", "vocab": {"a": 0}}"""
        refused("unk_token ? is not in", "model" to unknown)
        val merges = """{"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": [["a", "b"]]}"""
        refused("merges[0] holds a token outside", "model" to merges)
        refused("merges[0] is no pair", "model" to merges.replace("""["a", "b"]""", "\"ab\""))
        refused("added_tokens[0]: is empty", "added_tokens" to """[{"id": 1, "content": ""}]""")
        refused("direction is neither", "truncation" to """{"direction": "Up"}""")
        refused(
            "sep is no id",
            "post_processor" to """{"type": "BertProcessing", "cls": ["a", 1]}""",
        )
        refused("no known piece", "post_processor" to template("""{"Sequence": {"id": "B"}}"""))
        refused("not hold the text once", "post_processor" to template(""))
        val special = """{"SpecialToken": {"id": "[X]"}}"""
        refused("[X] is no special token", "post_processor" to template(special))
        refused("no token is for padding", "added_tokens" to "[]", "model" to WITHOUT_PADDING)
    }

    @Test
    fun `what is no tokenizer is refused`() {
        for (text in listOf("", "[]", "{", "[".repeat(10_000))) {
            assertProblem(Reason.MODEL, "") { TokenizerReader.read(file(text)) }
        }
        assertProblem(Reason.STORAGE, "cannot be read") {
            TokenizerReader.read(File(folder.root, "missing"))
        }
    }

    @Test
    fun `hostile words take no long time`() {
        val model = """{"type": "BPE", "vocab": {"a": 0, "aa": 1, "aaaa": 2, "[PAD]": 3},
            "merges": ["a a", ["aa", "aa"]]}"""
        val tokenizer = TokenizerReader.read(file(SmallTokenizer.text("model" to model)))
        assertEquals(2, tokenizer.encode("a".repeat(99_999), 100).ids[50])
    }

    private fun template(piece: String): String =
        """{"type": "TemplateProcessing", "single": [$piece], "special_tokens": {}}"""

    private companion object {
        const val WITHOUT_PADDING = """{"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0}}"""
    }
}
