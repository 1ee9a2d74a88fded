import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

/**
 * Runs a script until it has said enough and kills it without notice, or until it has killed itself; gives the whole
 * lines it said: one that is not whole was not said.
 */
export async function runUntilKilled(
  script: string,
  args: readonly string[],
  enough: (said: string) => boolean,
): Promise<string[]> {
  const child = spawn(process.execPath, ['--conditions=dure-source', script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.setEncoding('utf8')
  const ended = once(child, 'close')
  child.stdout.on('data', (text: string) => {
    said += text
    if (enough(said)) child.kill('SIGKILL')
  })
  const [code, signal] = (await ended) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL', `the child ended by itself with code ${code}`)
  return said
    .slice(0, said.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(Boolean)
}

/** More lines than this. */
export function lines(count: number): (said: string) => boolean {
  return (said) => said.split('\n').length > count
}
