import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { after } from 'node:test'
import { SOURCES } from './shell.test-support.ts'

export const BIN: string = join(SOURCES, '../bin/dure.js')
const children: ChildProcess[] = []

after(() => {
  for (const child of children) child.kill('SIGKILL')
})

export type Spawned = {
  child: ChildProcess
  out: () => string
  err: () => string
  /** Both, as they came. */
  all: () => string
  exit: Promise<number | null>
  until: (pattern: RegExp) => Promise<void>
}

/** Runs the command line in a process of its own, which the end of the tests ends. */
export function spawned(
  args: readonly string[],
  options: { node?: readonly string[]; env?: Record<string, string>; cwd?: string; bin?: string } = {},
): Spawned {
  const { node = [], env, cwd, bin = BIN } = options
  return heard(spawn(process.execPath, [...node, bin, ...args], { env: { ...process.env, ...env }, cwd }))
}

/** What a process says, and when it ends. */
export function heard(child: ChildProcess): Spawned {
  children.push(child)
  let out = ''
  let err = ''
  let all = ''
  let wake = (): void => {}
  child.stdout!.on('data', (chunk) => ((out += String(chunk)), (all += String(chunk)), wake()))
  child.stderr!.on('data', (chunk) => ((err += String(chunk)), (all += String(chunk)), wake()))
  const exit = once(child, 'close').then(([code]) => (wake(), code as number | null))
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(all)) {
      assert.equal(child.exitCode, null, `ended without ${pattern}:\n${all}`)
      await new Promise<void>((resolve) => void (wake = resolve))
    }
  }
  return { child, out: () => out, err: () => err, all: () => all, exit, until }
}
