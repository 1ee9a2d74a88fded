/**
 * `npm run check`: types, lint, format, layering, published names, words, dead code, packages; or those named (`npm run check -- lint`).
 *
 * A tool that looks at nothing passes, so each check here says how many files it saw, and fails on none.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as knip from 'knip'
import { createOptions, type MainOptions, type Results } from 'knip/session'
import { checkLayering, describe } from './layering/layering.ts'
import { checkPublished } from './published.ts'
import { root, runTool, type Ran } from './shell.ts'
import { isLacking, judgeSurface, readSurface } from './surface/surface.ts'
import { countRetired, judgeWords, readWords } from './words/words.ts'

/** What a check saw, and what is wrong, in words a person can act on. */
export type Verdict = { readonly seen: number; readonly problems: readonly string[]; readonly notes?: readonly string[] }

const checks: Readonly<Record<string, () => Promise<Verdict>>> = {
  types: checkTypes,
  lint: async () => counted(await runTool('oxlint/bin/oxlint', ['--deny-warnings']), /Finished in \S+ on (\d+) files? with/),
  format: async () => counted(await runTool('oxfmt/bin/oxfmt', ['--check', '.']), /Finished in \S+ on (\d+) files? using/),
  layering: checkHouse,
  'published names': checkSurface,
  words: checkWords,
  'dead code': checkDeadCode,
  packages: async () => {
    const { packages, problems } = await checkPublished()
    return { seen: packages, problems }
  },
}

/** What runs in Node; what runs in browsers, which have other globals; what is published, with its declarations. */
const PROJECTS = ['tsconfig.json', 'packages/platform/console/client/tsconfig.json', 'tsconfig.declarations.json']

async function checkTypes(): Promise<Verdict> {
  const each = await Promise.all(PROJECTS.map(checkProject))
  const empty = PROJECTS.filter((_, at) => each[at]!.seen === 0).map((project) => `The compiler saw no file of "${project}".`)
  return {
    seen: each.reduce((sum, { seen }) => sum + seen, 0),
    problems: [...each.flatMap(({ problems }) => problems), ...empty],
  }
}

async function checkProject(project: string): Promise<Verdict> {
  const { code, output } = await runTool('typescript/bin/tsc', ['-p', project, '--listFiles', '--pretty', 'false'])
  const lines = output.split('\n').filter((line) => line !== '')
  const own = lines.filter((line) => line.startsWith(root) && !line.includes('/node_modules/'))
  const problems = lines.filter((line) => !/^(\/|[A-Za-z]:)/.test(line))
  return {
    seen: own.length,
    problems: problems.length > 0 || code === 0 ? problems : ['The compiler failed without a word.'],
  }
}

async function checkHouse(): Promise<Verdict> {
  const { files, findings, long } = checkLayering(root)
  return {
    seen: files,
    problems: findings.map(describe),
    notes: long.length === 0 ? [] : [`past 300 lines: ${long.map(({ path, lines }) => `${path} (${lines})`).join(', ')}`],
  }
}

async function checkSurface(): Promise<Verdict> {
  const surface = readSurface(root)
  const allowed = JSON.parse(readFileSync(join(root, 'checks/surface/undocumented.json'), 'utf8')) as Readonly<
    Record<string, number>
  >
  const values = surface.names.filter(({ isType }) => !isType)
  const notes = [
    `${values.length} values and ${surface.names.length - values.length} types, ${values.filter(isLacking).length} values without example`,
  ]
  return { seen: surface.doors.length, problems: judgeSurface(surface, allowed), notes }
}

async function checkWords(): Promise<Verdict> {
  const words = readWords(root)
  const left = JSON.parse(readFileSync(join(root, 'checks/words/left.json'), 'utf8')) as Readonly<Record<string, number>>
  const retired = Object.values(countRetired(words)).reduce((sum, count) => sum + count, 0)
  return {
    seen: words.files,
    problems: judgeWords(words, left),
    notes: retired === 0 ? [] : [`${retired} names with a retired word`],
  }
}

async function checkDeadCode(): Promise<Verdict> {
  const options = await createOptions({ cwd: root, isShowProgress: false })
  // Knip exports `main`, but its declarations forget it.
  const { main } = knip as unknown as { readonly main: (options: MainOptions) => Promise<Results> }
  const { issues, counters } = await main(options)
  const problems = Object.entries(issues)
    // Knip also keeps, under a name that starts so, a plain list of the files it lists anyway.
    .filter(([type]) => !type.startsWith('_'))
    .flatMap(([type, byFile]) =>
      Object.values(byFile as Readonly<Record<string, Readonly<Record<string, KnipIssue>>>>).flatMap((found) =>
        Object.values(found).map(
          ({ filePath, symbol, line }) =>
            `${filePath.replace(`${root}/`, '')}:${line ?? 1}  unused or unknown (${type}): ${symbol}`,
        ),
      ),
    )
  return { seen: counters.processed, problems }
}

type KnipIssue = { readonly filePath: string; readonly symbol: string; readonly line?: number }

/** A tool's own count of what it saw, read from its closing line. */
export function counted({ code, output }: Ran, closing: RegExp): Verdict {
  const seen = Number(closing.exec(output)?.[1] ?? 0)
  return { seen, problems: code === 0 ? [] : [output.trimEnd()] }
}

const COUNTED: Readonly<Record<string, string>> = { packages: 'packages', 'published names': 'doors' }

/** Whether a verdict lets the check pass, as a line to print. */
export function judge(name: string, { seen, problems, notes = [] }: Verdict): { readonly ok: boolean; readonly text: string } {
  const all = seen === 0 ? [...problems, 'It saw no files: a check that looks at nothing must not pass.'] : problems
  const ok = all.length === 0
  const head = `${ok ? '✔' : '✖'} ${name.padEnd(10)} ${seen} ${COUNTED[name] ?? 'files'}${ok ? '' : `, ${all.length} to mend`}`
  return { ok, text: [head, ...notes.map((note) => `  ${note}`), ...all].join('\n') }
}

if (import.meta.main) {
  const wanted = process.argv.slice(2)
  const unknown = wanted.filter((name) => !Object.hasOwn(checks, name))
  if (unknown.length > 0) {
    console.error(`Cannot check "${unknown.join('", "')}": the checks are ${Object.keys(checks).join(', ')}.`)
    process.exitCode = 1
  } else {
    for (const [name, check] of Object.entries(checks)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue
      const { ok, text } = judge(name, await check())
      console.log(text)
      if (!ok) process.exitCode = 1
    }
  }
}
