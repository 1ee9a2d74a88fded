import { fork } from 'node:child_process'
import type { Load, Measured } from './load.ts'

/** Runs a contender's program until it has told what it measured. @throws with its last words */
export function contender(program: string, load: Load, env: Readonly<Record<string, string>> = {}): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const child = fork(new URL(program, import.meta.url), {
      env: { ...process.env, ...env, SAGA_LOAD: JSON.stringify(load) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let words = ''
    child.stderr!.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-2_000)))
    let measured: Measured | undefined
    child.on('message', (said: Measured) => void (measured = said))
    child.on('error', reject)
    child.on('close', (code) => {
      if (measured !== undefined) resolve(measured)
      else reject(new Error(`Cannot measure "${program}": it ended with code ${String(code)}: ${words}`))
    })
  })
}
