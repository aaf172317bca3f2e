// Stands in for AndroidX.

package androidx.activity

import android.content.Context
import android.os.Bundle
import android.view.View
import androidx.activity.result.ActivityResultLauncher
import androidx.activity.result.contract.ActivityResultContracts

open class ComponentActivity : Context() {
    open fun onCreate(savedInstanceState: Bundle?) {}

    open fun onDestroy() {}

    fun setContentView(view: View) {}

    fun runOnUiThread(action: () -> Unit) {}

    fun registerForActivityResult(
        contract: ActivityResultContracts.RequestPermission, callback: (Boolean) -> Unit
    ): ActivityResultLauncher<String> = ActivityResultLauncher()
}
