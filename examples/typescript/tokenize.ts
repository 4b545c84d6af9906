/** Turns a text into token ids and back. Usage: tokenize.ts TEXT */
import { openTokenizer } from '@alphapo/client';
import { addresses, options } from './connections.ts';

const [text = ''] = process.argv.slice(2);

using tokenizer = await openTokenizer(addresses.tokenizer, options);
const { encodings } = await tokenizer.encode({ texts: [text] });
const { texts } = await tokenizer.decode({ encodings });
console.log('ids:', ...(encodings[0]?.ids ?? []));
console.log('text:', texts[0]);
