// Stands in for Android.

package android.widget

import android.content.Context
import android.view.View

class TextView(context: Context) : View() {
    var text: CharSequence = ""
}
