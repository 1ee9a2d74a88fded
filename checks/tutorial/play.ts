/** Plays a tutorial's page as a reader would, in an empty folder from tarballs: every command, every file, every output. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '@dure/testing/servers'
import { outside, root } from '../shell.ts'
import { outputPattern, PAGES, plain, stepsOf, type Step } from './page.ts'
import { openTerminal, type Terminal } from './terminal.ts'

export type Played = { readonly what: string; readonly seconds: number; readonly wrong: string | undefined }

/** Milliseconds that a command may take, and that may pass until what runs says what it is waited for. */
const MOST = 180_000
const SOON = 60_000

/** The port in the page, which may be taken here. */
const PORT = /\b8080\b/g

/** @returns whether all went as the page says; what goes wrong ends it, as it would end a reader */
export async function playTutorial(lang: keyof typeof PAGES, tell: (played: Played) => void): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'dure-tutorial-'))
  // A checkout of Dure stands in it, as the page says.
  symlinkSync(root, join(folder, 'dure'))
  try {
    return await playPage({ page: readFileSync(join(root, PAGES[lang]), 'utf8'), name: PAGES[lang], folder, tell })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export async function playPage(options: {
  readonly page: string
  readonly name: string
  readonly folder: string
  readonly tell: (played: Played) => void
}): Promise<boolean> {
  const { page, name, folder, tell } = options
  const player = createPlayer(folder, String(await freePort()))
  try {
    for (const step of stepsOf(page)) {
      const from = performance.now()
      const wrong = await player.play(step).then(
        () => undefined,
        (error: unknown) => (error as Error).message,
      )
      tell({ what: `${name}:${step.line} ${titleOf(step)}`, seconds: (performance.now() - from) / 1_000, wrong })
      if (wrong !== undefined) return false
    }
    return true
  } finally {
    await player.end()
  }
}

function titleOf(step: Step): string {
  if (step.kind === 'file') return `${step.path}${step.made ? ' is as shown' : ''}`
  if (step.kind === 'prints') return `what ${step.who} prints`
  return step.text.trim().split('\n').at(-1)!.slice(0, 90)
}

type Player = { readonly play: (step: Step) => Promise<void>; readonly end: () => Promise<void> }

function createPlayer(folder: string, port: string): Player {
  const here = (text: string): string => text.replaceAll(PORT, port)
  const env = readersEnvironment()
  let cwd = folder
  const running: { stays?: Terminal; beside?: Terminal } = {}
  /** How much of what the one that stays prints has been read. */
  let read = 0
  const open = (text: string): Terminal => openTerminal({ command: here(text), cwd, env })

  async function ended(terminal: Terminal, fails = false): Promise<string> {
    const code = await terminal.code(MOST)
    if ((code !== 0) !== fails) throw new Error(`It ended with ${code}:\n${terminal.output()}`)
    cwd = terminal.cwd() ?? cwd
    return terminal.output()
  }

  async function waitFor(prints: string): Promise<void> {
    const pattern = outputPattern(here(prints), { whole: false })
    const latest = performance.now() + SOON
    for (;;) {
      const found = pattern.exec(plain(running.stays?.output() ?? '').slice(read))
      if (found !== null) return void (read += found.index + found[0].length)
      if (running.stays?.ended() === true) throw new Error(`It has ended:\n${running.stays.output()}`)
      if (performance.now() > latest) throw different(here(prints), plain(running.stays?.output() ?? '').slice(read))
      await sleep(100)
    }
  }

  async function command(step: Extract<Step, { kind: 'command' }>): Promise<void> {
    const expects = (output: string): boolean => outputPattern(here(step.prints), { whole: true }).test(plain(output))
    if (step.how === 'beside') return void (running.beside = open(step.text))
    if (step.how === 'stays' || step.how === 'stopped') await running.stays?.interrupt()
    if (step.how === 'stays') {
      running.stays = open(step.text)
      read = 0
      return waitFor(step.prints)
    }
    const latest = performance.now() + SOON
    for (;;) {
      const terminal = open(step.text)
      const done = step.how !== 'until' || performance.now() > latest
      const output = done ? await ended(terminal, step.how === 'fails') : (await terminal.code(MOST), terminal.output())
      if (expects(output)) break
      if (done) throw different(here(step.prints), output)
      await sleep(200)
    }
    movePort(cwd, here)
  }

  function file({ path, text, made }: Extract<Step, { kind: 'file' }>): void {
    const place = join(cwd, path)
    if (!made) {
      mkdirSync(dirname(place), { recursive: true })
      return writeFileSync(place, here(text))
    }
    const there = readFileSync(place, 'utf8')
    if (unformatted(there) !== unformatted(here(text))) throw different(here(text), there)
  }

  return {
    play: async (step) => {
      if (step.kind === 'file') return file(step)
      if (step.kind === 'command') return command(step)
      if (step.who === 'stays') return waitFor(step.prints)
      if (running.beside === undefined) throw new Error('Nothing runs beside')
      const output = await ended(running.beside)
      if (!outputPattern(here(step.prints), { whole: true }).test(plain(output))) throw different(here(step.prints), output)
    },
    end: async () => {
      await running.beside?.kill()
      await running.stays?.interrupt()
    },
  }
}

/** What npm made says the page's port as well. */
function movePort(cwd: string, here: (text: string) => string): void {
  const system = join(cwd, 'src/system.ts')
  let text: string
  try {
    text = readFileSync(system, 'utf8')
  } catch {
    return
  }
  if (here(text) !== text) writeFileSync(system, here(text))
}

/** Pages are formatted, what npm made is formatted otherwise. */
const unformatted = (code: string): string => code.replaceAll(/\s|,(?=\s*[)\]}])/g, '')

function different(expected: string, found: string): Error {
  return new Error(`The page says:\n${plain(expected)}\n\nIt is:\n${plain(found)}`)
}

/** A reader has none of this repository's programs in the path; and what npm has fetched once is not fetched again. */
function readersEnvironment(): NodeJS.ProcessEnv {
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'))
  const quiet = { npm_config_prefer_offline: 'true', npm_config_audit: 'false', npm_config_fund: 'false' }
  return { ...outside(), ...quiet, npm_config_update_notifier: 'false', NO_COLOR: '1', PATH: path.join(delimiter) }
}
