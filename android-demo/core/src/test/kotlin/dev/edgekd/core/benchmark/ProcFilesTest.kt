package dev.edgekd.core.benchmark

import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertNotNull
import kotlin.test.assertNull
import kotlin.test.assertTrue

class ProcFilesTest {
    private fun file(text: String): File =
        File.createTempFile("proc", null).also {
            it.deleteOnExit()
            it.writeText(text)
        }

    @Test
    fun `this process`() {
        assertTrue(assertNotNull(ProcFiles.peakRssBytes()) > 1 shl 20)
        assertTrue(ProcFiles.cpuFeatures().size > 3)
    }

    @Test
    fun `a phone's files`() {
        val first = "processor\t: 0\nFeatures\t: fp asimd  asimddp \n\n"
        val cores = first + "processor\t: 1\nFeatures\t: x\n"
        assertEquals(listOf("fp", "asimd", "asimddp"), ProcFiles.cpuFeatures(file(cores)))
        val status = "VmPeak:\t    9 kB\nVmHWM:\t  123456 kB\n"
        assertEquals(123_456L * 1024, ProcFiles.peakRssBytes(file(status)))
    }

    @Test
    fun `nothing is told`() {
        for (text in listOf("", "VmHWM: many kB", "VmHWM: 99999999999999999999 kB", "Features")) {
            assertNull(ProcFiles.peakRssBytes(file(text)))
        }
        assertNull(ProcFiles.peakRssBytes(File("/proc/none")))
        assertEquals(emptyList(), ProcFiles.cpuFeatures(File("/proc/none")))
        assertEquals(emptyList(), ProcFiles.cpuFeatures(file("model: x\nflags :\n")))
    }
}
