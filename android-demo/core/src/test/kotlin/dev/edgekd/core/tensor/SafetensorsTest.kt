package dev.edgekd.core.tensor

import dev.edgekd.core.problem.Problem
import dev.edgekd.core.problem.Reason
import org.junit.Rule
import org.junit.rules.TemporaryFolder
import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue

class SafetensorsTest {
    @get:Rule
    val temporary = TemporaryFolder()

    private fun file(header: String, data: ByteArray, length: Long? = null): File {
        val text = header.toByteArray()
        val whole = ByteBuffer.allocate(8 + text.size + data.size).order(ByteOrder.LITTLE_ENDIAN)
        whole.putLong(length ?: text.size.toLong()).put(text).put(data)
        return temporary.newFile().apply { writeBytes(whole.array()) }
    }

    private fun one(dtype: String, shape: String, begin: Any, end: Any): String =
        """{"x":{"dtype":"$dtype","shape":$shape,"data_offsets":[$begin,$end]}}"""

    @Test
    fun readsTensorsAndMetadata() {
        val data = ByteArray(12) { it.toByte() }
        val header = """{"__metadata__":{"input_0.shape":"1,2"},
            "b":{"dtype":"U8","shape":[2,2],"data_offsets":[8,12]},
            "none":{"dtype":"I64","shape":[0,3],"data_offsets":[8,8]},
            "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   """
        val found = Safetensors.load(file(header, data), 10_000)
        assertEquals(mapOf("input_0.shape" to "1,2"), found.metadata)
        assertEquals(setOf("a", "b", "none"), found.tensors.keys)
        val a = found.tensors.getValue("a")
        assertEquals(listOf(2), a.shape)
        assertEquals(listOf(0x03020100, 0x07060504), listOf(a.bytes.getInt(0), a.bytes.getInt(4)))
        val b = found.tensors.getValue("b")
        assertContentEquals(byteArrayOf(8, 9, 10, 11), ByteArray(4).also { b.view().get(it) })
        assertEquals(
            0,
            found.tensors
                .getValue("none")
                .bytes
                .remaining(),
        )
        assertTrue(a.bytes.isDirect)
    }

    @Test
    fun refusesBrokenFiles() {
        val eight = ByteArray(8)
        val two = """{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
            "b":{"dtype":"F32","shape":[1],"data_offsets":%s}}"""
        val broken =
            mapOf(
                "cut in the values" to file(one("F32", "[4]", 0, 16), eight),
                "bytes of no tensor" to file(one("F32", "[1]", 0, 4), eight),
                "an overlap" to file(two.format("[2,6]"), ByteArray(6)),
                "the same bytes twice" to file(two.format("[0,4]"), ByteArray(4)),
                "a gap" to file(two.format("[6,10]"), ByteArray(10)),
                "a size that is not the shape's" to file(one("F32", "[3]", 0, 8), eight),
                "a negative offset" to file(one("F32", "[2]", -8, 0), eight),
                "an end before the beginning" to file(one("F32", "[2]", 8, 0), eight),
                "one offset" to
                    file("""{"x":{"dtype":"F32","shape":[2],"data_offsets":[8]}}""", eight),
                "a negative dimension" to file(one("F32", "[-1,-2]", 0, 8), eight),
                "half a dimension" to file(one("F32", "[0.5]", 0, 2), eight),
                "dimensions beyond 64 bits" to
                    file(one("F32", "[2147483647,2147483647,2147483647]", 0, 8), eight),
                "an unknown dtype" to file(one("BF16", "[4]", 0, 8), eight),
                "a header that is no object" to file("[1,2,3]", eight),
                "a header that is no JSON" to file("{\"x\":", eight),
                "a tensor twice" to file("{\"x\":1,\"x\":2}", eight),
                "a tensor that is no object" to file("{\"x\":1}", eight),
                "metadata of numbers" to file("{\"__metadata__\":{\"a\":1}}", ByteArray(0)),
                "a header longer than the file" to file("{}", eight, length = 11),
                "a header of 2^63 bytes" to file("{}", eight, length = Long.MIN_VALUE),
                "a header of nothing" to file("", eight, length = 0),
                "an empty file" to temporary.newFile(),
                "more than asked for" to file(one("I8", "[20000]", 0, 20_000), ByteArray(20_000)),
            )
        for ((what, file) in broken) {
            val problem = assertFailsWith<Problem>(what) { Safetensors.read(file, 10_000) }
            assertEquals(Reason.INPUTS, problem.reason, what)
        }
    }

    @Test
    fun aLargeHeaderIsNotRead() {
        val header = one("F32", "[2]", 0, 8) + " ".repeat(1 shl 20)
        val problem =
            assertFailsWith<Problem> {
                Safetensors.read(file(header, ByteArray(8)), 1L shl 30)
            }
        assertTrue("header" in problem.message)
    }

    @Test
    fun aFileThatCannotBeReadIsAMatterOfStorage() {
        for (file in listOf(File(temporary.root, "none"), temporary.newFolder())) {
            val problem = assertFailsWith<Problem> { Safetensors.read(file, 10_000) }
            assertEquals(Reason.STORAGE, problem.reason)
        }
    }
}
