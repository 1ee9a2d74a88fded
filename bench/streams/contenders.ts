/** Programs that are measured, each in a process of its own on one core. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { MEASURED, pin } from '../gateway/processes.ts'
import type { QueryName } from '../nexmark/sql.ts'
import { installOnce } from '../peers.ts'

export const HERE: string = import.meta.dirname
const COPY = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies'

function started(
  program: string,
  words: readonly string[],
): ChildProcess & { stdin: NonNullable<ChildProcess['stdin']>; stdout: NonNullable<ChildProcess['stdout']> } {
  const child = spawn(program === 'node' ? process.execPath : program, words, { cwd: HERE, stdio: ['pipe', 'pipe', 'inherit'] })
  pin(child, MEASURED)
  return child
}

/** What a program says in its last line. */
export async function last<T>(program: string, words: readonly string[]): Promise<T> {
  const child = started(program, words)
  child.stdin.end()
  const ended = once(child, 'close')
  let said = ''
  for await (const line of createInterface({ input: child.stdout })) said = line
  const [code] = (await ended) as [number | null]
  if (code !== 0) throw new Error(`Cannot measure "${words.join(' ')}": it ended with ${String(code)}`)
  return JSON.parse(said) as T
}

export type Answerer = {
  readonly ready: Promise<string>
  readonly ask: (query: QueryName) => Promise<string>
  readonly stop: () => void
}

/** A program that says a line when it is ready, and one for each line that it is given. */
export function answerer(program: string, words: readonly string[]): Answerer {
  const child = started(program, words)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error(`Cannot measure "${words.join(' ')}": it has ended`)
    return value as string
  }
  return {
    ready: line(),
    ask: (query) => {
      child.stdin.write(`${query}\n`)
      return line()
    },
    stop: () => void child.kill(),
  }
}

/** A class of Java, and what it stands on: its words say where all of that is. */
type JavaPeer = { readonly words: (...more: readonly string[]) => readonly string[] }

/** Undefined where there is no Java or no Maven. */
export function javaPeer(
  name: string,
  { pom, main }: { readonly pom: string; readonly main: string },
  progress: (line: string) => void,
): JavaPeer | undefined {
  const project = join(HERE, 'node_modules', '.peers', name)
  const [own, lib, classes] = ['pom.xml', 'lib', 'classes'].map((one) => join(project, one)) as [string, string, string]
  const installed = installOnce(project, progress, () => {
    mkdirSync(classes)
    copyFileSync(pom, own)
    return [
      ['mvn', '--quiet', '--batch-mode', '--file', own, COPY, `-DoutputDirectory=${lib}`],
      ['javac', '-cp', join(lib, '*'), '-d', classes, main],
    ]
  })
  if (installed)
    return { words: (...more) => ['-Xmx2g', '-cp', `${classes}:${join(lib, '*')}`, basename(main, '.java'), ...more] }
  progress(`${name} is left out: it takes a JDK 17, and Maven`)
  return undefined
}
