export {
  type ContinuedPrompt,
  type ContinueOptions,
  TextGenerator,
  type TextPiece,
} from './text-generator.ts';
