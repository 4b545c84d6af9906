export {
  conversationPrompt,
  type PromptOptions,
  readPrompts,
  type TokenPrompt,
  textPrompt,
} from './prompts.ts';
export { isRight, type RightAnswer } from './right-answer.ts';
export {
  type ContinuedPrompt,
  type ContinueOptions,
  TextGenerator,
  type TextPiece,
} from './text-generator.ts';
