import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export type Run = { readonly child: ChildProcess; readonly said: () => string; readonly ended: Promise<number | null> }

/** A program of the marketplace, as it is run at a command line. */
export function run(file: string, ...flags: string[]): Run {
  const child = spawn(process.execPath, ['--conditions=dure-source', program(file), ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (said += text))
  return { child, said: () => said, ended: once(child, 'close').then(([code]) => code as number | null) }
}

/** Waits until it is ready; tells where. */
export async function ready({ child, said }: Run): Promise<string> {
  while (!said().includes('curl -s http')) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}: ${said()}`)
    await once(child.stdout!, 'data')
  }
  return /http:\/\/[\d.:]+(?= )/.exec(said())![0]
}
