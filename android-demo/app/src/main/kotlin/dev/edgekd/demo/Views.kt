package dev.edgekd.demo

import android.app.Activity
import android.view.View
import android.widget.TextView

/** A view that the layout on the screen has. */
internal inline fun <reified T : View> Activity.find(id: Int): T {
    val view: View = findViewById(id)
    return view as T
}

/** A view that is inside this one. */
internal inline fun <reified T : View> View.find(id: Int): T {
    val view: View = findViewById(id)
    return view as T
}

/** Show [text], or nothing at all. What is unchanged is not announced again. */
internal fun TextView.showOrHide(text: String?) {
    if (this.text.toString() != text.orEmpty()) this.text = text
    visibility = if (text == null) View.GONE else View.VISIBLE
}
