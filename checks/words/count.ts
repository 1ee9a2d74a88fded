/** `node checks/words/count.ts`: writes into left.json how many names of each room have a retired word in them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../shell.ts'
import { countRetired, readWords } from './words.ts'

writeFileSync(join(import.meta.dirname, 'left.json'), `${JSON.stringify(countRetired(readWords(root)), undefined, 2)}\n`)
