import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedPages } from './pages.ts';

/** Writes the tables of docs/reference that follow from the code. The cause of a new error code is for a person to write. */
for (const [path, text] of generatedPages()) writeFileSync(join(import.meta.dirname, '..', path), text);
