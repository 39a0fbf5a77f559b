package dev.edgekd.demo

import android.text.SpannableStringBuilder
import android.text.Spanned
import android.text.style.RelativeSizeSpan
import android.view.LayoutInflater
import android.view.View
import android.view.ViewGroup
import android.view.accessibility.AccessibilityNodeInfo
import android.view.accessibility.AccessibilityNodeInfo.AccessibilityAction
import android.widget.CheckBox
import android.widget.TextView
import dev.edgekd.core.bundle.Bundle
import dev.edgekd.core.demo.BundleChoice
import dev.edgekd.core.demo.ListedBundle
import dev.edgekd.core.demo.Origin

/** The list of bundles: a box to check for each, or why it cannot be read. */
internal class BundleRows(
    private val container: ViewGroup,
    private val texts: Texts,
    private val onToggle: (key: String) -> Unit,
    private val onRemove: (ListedBundle) -> Unit,
) {
    private var shown: List<ListedBundle> = emptyList()

    /** Rows are made anew only where the list changed: a box keeps its focus. */
    fun show(listed: List<ListedBundle>, choice: BundleChoice) {
        if (shown !== listed) {
            shown = listed
            container.removeAllViews()
            listed.forEach { container.addView(row(it)) }
        }
        listed.forEachIndexed { index, one ->
            (container.getChildAt(index) as? CheckBox)?.isChecked = one.key in choice.keys
        }
    }

    private fun row(listed: ListedBundle): View {
        val row = listed.bundle?.let { box(listed, it) } ?: broken(listed)
        if (listed.origin.isRemovable) offerRemoval(row, listed)
        return row
    }

    private fun box(listed: ListedBundle, bundle: Bundle): View {
        val box = inflated(R.layout.row_bundle) as CheckBox
        box.text = described(bundle, listed.origin)
        box.setOnClickListener { onToggle(listed.key) }
        return box
    }

    private fun broken(listed: ListedBundle): View {
        val row = inflated(R.layout.row_problem) as TextView
        row.text = texts.broken(listed, listed.problem?.message.orEmpty())
        return row
    }

    /** By a long press; a screen reader names what that does. */
    private fun offerRemoval(row: View, listed: ListedBundle) {
        row.isFocusable = true
        row.setOnLongClickListener {
            onRemove(listed)
            true
        }
        row.setAccessibilityDelegate(LongClickLabel(row.context.getString(R.string.remove)))
    }

    /** The name, and below it in smaller letters what it is. */
    private fun described(bundle: Bundle, origin: Origin): CharSequence {
        val text = SpannableStringBuilder(texts.name(bundle)).append('\n')
        val begin = text.length
        text.append(texts.details(bundle, origin))
        val small = RelativeSizeSpan(SMALLER)
        text.setSpan(small, begin, text.length, Spanned.SPAN_EXCLUSIVE_EXCLUSIVE)
        return text
    }

    private fun inflated(layout: Int): View =
        LayoutInflater.from(container.context).inflate(layout, container, false)

    private companion object {
        const val SMALLER = 0.875f
    }
}

/** Says [label] of a long click instead of nothing. */
private class LongClickLabel(private val label: String) : View.AccessibilityDelegate() {
    override fun onInitializeAccessibilityNodeInfo(host: View, info: AccessibilityNodeInfo) {
        super.onInitializeAccessibilityNodeInfo(host, info)
        info.addAction(AccessibilityAction(AccessibilityNodeInfo.ACTION_LONG_CLICK, label))
    }
}
