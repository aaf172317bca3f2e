// Stands in for CameraX.

package androidx.camera.lifecycle

import android.content.Context
import androidx.activity.ComponentActivity
import androidx.camera.core.CameraSelector
import androidx.camera.core.UseCase
import java.util.concurrent.Executor

class ListenableFuture<T>(private val value: T) {
    fun get(): T = value

    fun addListener(listener: Runnable, executor: Executor) {}
}

class ProcessCameraProvider {
    fun bindToLifecycle(owner: ComponentActivity, selector: CameraSelector, vararg useCases: UseCase) {}

    companion object {
        fun getInstance(context: Context): ListenableFuture<ProcessCameraProvider> =
            ListenableFuture(ProcessCameraProvider())
    }
}
