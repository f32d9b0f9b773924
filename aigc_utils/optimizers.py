"""Adam at the speed of the backend: the same update, in fewer passes over memory.

Chapter 3.1 trains with it step by step; `aigc_utils.training` brings it to all that train.
"""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="aigc_utils")
class FusedAdam(keras.optimizers.Adam):
    """Keras's Adam (Kingma & Ba, 2015), updated by one kernel a variable on TensorFlow.

    Keras writes Adam as a dozen element-wise operations, each of which reads and writes an
    array as large as the variable. TensorFlow has the whole update as one operation. The
    state is that of ``keras.optimizers.Adam``, so either goes on from the other; on other
    backends, with ``amsgrad``, and for sparse gradients this *is* Keras's Adam.
    """

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or not _is_dense_tensorflow(gradient):
            super().update_step(gradient, variable, learning_rate)
            return
        import tensorflow as tf

        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, tf.float32)
        beta_1, beta_2 = tf.constant(self.beta_1), tf.constant(self.beta_2)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(beta_1, step),
            beta2_power=tf.pow(beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=beta_1,
            beta2=beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def _is_dense_tensorflow(gradient) -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return isinstance(gradient, tf.Tensor) and gradient.dtype == tf.float32
