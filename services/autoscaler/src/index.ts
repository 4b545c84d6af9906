export { runAutoscaler } from './run.ts';
