/** `node checks/surface/count.ts`: writes into undocumented.json how many values of each door lack a docstring or an example. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../shell.ts'
import { countLacking, readSurface } from './surface.ts'

writeFileSync(
  join(import.meta.dirname, 'undocumented.json'),
  `${JSON.stringify(countLacking(readSurface(root)), undefined, 2)}\n`,
)
