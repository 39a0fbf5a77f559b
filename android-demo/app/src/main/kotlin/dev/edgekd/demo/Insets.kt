package dev.edgekd.demo

import android.os.Build
import android.view.View
import android.view.WindowInsets

/** From Android 15 on the window lies below the system's bars: keep out of their way. */
internal fun View.keepClearOfSystemBars() {
    val left = paddingLeft
    val top = paddingTop
    val right = paddingRight
    val bottom = paddingBottom
    setOnApplyWindowInsetsListener { view, insets ->
        val covered = coveredBy(insets)
        view.setPadding(
            left + covered.left,
            top + covered.top,
            right + covered.right,
            bottom + covered.bottom,
        )
        insets
    }
    requestApplyInsets()
}

private class Covered(val left: Int, val top: Int, val right: Int, val bottom: Int)

private fun coveredBy(insets: WindowInsets): Covered {
    if (Build.VERSION.SDK_INT < Build.VERSION_CODES.R) {
        // There is nothing else before Android 11.
        return Covered(
            insets.systemWindowInsetLeft,
            insets.systemWindowInsetTop,
            insets.systemWindowInsetRight,
            insets.systemWindowInsetBottom,
        )
    }
    val kinds =
        WindowInsets.Type.systemBars() or
            WindowInsets.Type.displayCutout() or
            WindowInsets.Type.ime()
    val found = insets.getInsets(kinds)
    return Covered(found.left, found.top, found.right, found.bottom)
}
