/** A supervisor to be killed: runs two programs, and tells their process ids. */
import { writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { realRuntime } from '../../runtime/runtime.ts'
import { supervise } from './supervisor.ts'

const directory = process.argv[2]!
const PROGRAM = fileURLToPath(new URL('./program.test-support.ts', import.meta.url))
const supervisor = await supervise({
  directory,
  processes: ['a', 'b'].map((name) => ({ name, program: [PROGRAM, 'works', join(directory, `${name}.reason`)] })),
  runtime: realRuntime(),
  onLine: () => {},
})
writeSync(1, `${JSON.stringify(supervisor.processes().map(({ pid }) => pid))}\n`)
