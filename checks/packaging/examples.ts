import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../shell.ts'

/** A contract, a service and a call, as the first page of `dure` shows them. */
export function firstExample(): string {
  const code = /^```ts\n(.*?)^```$/ms.exec(readFileSync(join(root, 'packages/dure/README.md'), 'utf8'))?.[1]
  if (code === undefined) throw new Error('Cannot take the first example: the README of "dure" shows no code.')
  return code
}

/** Puts examples that run beside the library: the one of its first page, and a system with a database, an event and a door. */
export function writeExamples(folder: string): void {
  mkdirSync(join(folder, 'examples'), { recursive: true })
  writeFileSync(join(folder, 'examples/first.ts'), firstExample())
  writeFileSync(join(folder, 'examples/system.ts'), readFileSync(join(root, 'examples/first-service/system.ts')))
}
