import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Lets a process load onnxruntime-node from the file that ONNXRUNTIME_NODE_COPY names. */
const copy = process.env.ONNXRUNTIME_NODE_COPY;
if (copy === undefined) throw new Error('ONNXRUNTIME_NODE_COPY is not set');
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'onnxruntime-node' ? pathToFileURL(copy).href : specifier, context),
});
