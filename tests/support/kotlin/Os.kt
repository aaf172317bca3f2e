// Stands in for Android.

package android.os

class Bundle
