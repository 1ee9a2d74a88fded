/** What `npm create dure` runs: flags or questions, then the files, then npm. */
import { cancel, isCancel, select, text } from '@clack/prompts'
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { CreateError } from './errors.ts'
import { projectFiles, type ProjectOptions } from './project.ts'
import { writeProject } from './write.ts'

const HELP = `Makes a new project with Dure.

  npm create dure my-shop
  npm create dure my-shop -- --template shop --lang ko --yes

  --template first|shop  one service, or three with an order and its payment (default first)
  --lang en|ko           the language of comments and README (default: that of the terminal)
  --from DIR             take Dure from tarballs in this folder, not from the registry
  --no-install           write the files only
  --yes                  ask nothing
`

type Answers = Pick<ProjectOptions, 'template' | 'lang'> & { readonly folder: string }

/** @returns the exit code: 0, 1 when it could not be done, 2 when it was asked wrongly */
export async function main(words: readonly string[]): Promise<number> {
  try {
    return await create(words)
  } catch (error) {
    const { message, code } = error as { message: string; code?: string }
    if (error instanceof CreateError) return (process.stderr.write(`${message}\n`), 1)
    if (code?.startsWith('ERR_PARSE_ARGS') === true) return (process.stderr.write(`${message}\n\n${HELP}`), 2)
    throw error
  }
}

async function create(words: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      template: { type: 'string' },
      lang: { type: 'string' },
      from: { type: 'string' },
      'no-install': { type: 'boolean', default: false },
      yes: { type: 'boolean', short: 'y', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return (process.stdout.write(HELP), 0)
  const given = {
    folder: positionals[0],
    template: oneOf('--template', values.template, ['first', 'shop']),
    lang: oneOf('--lang', values.lang, ['en', 'ko']),
  }
  const mayAsk = !values.yes && process.stdin.isTTY && process.stdout.isTTY
  const answers = mayAsk
    ? await ask(given)
    : { folder: 'my-shop', template: 'first' as const, lang: ownLanguage(), ...known(given) }
  if (answers === undefined) return (cancel('Nothing was made.'), 1)

  const folder = resolve(answers.folder)
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  const made = { version, template: answers.template, lang: answers.lang }
  const from = values.from === undefined ? undefined : resolve(values.from)
  writeProject({ folder, files: projectFiles({ ...made, name: basename(folder), folder, from }), made })
  const installed = values['no-install'] || (await install(folder))
  process.stdout.write(nextSteps({ folder, lang: answers.lang, install: values['no-install'] || !installed }))
  return installed ? 0 : 1
}

function oneOf<const T extends string>(flag: string, value: string | undefined, all: readonly T[]): T | undefined {
  const found = all.find((each) => each === value)
  if (value === undefined || found !== undefined) return found
  throw new CreateError(`Cannot take ${flag} ${JSON.stringify(value)}: say ${all.join(' or ')}.`)
}

function known<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}

const ownLanguage = (): 'en' | 'ko' => ((process.env['LC_ALL'] || process.env['LANG'] || '').startsWith('ko') ? 'ko' : 'en')

async function ask(given: { readonly [K in keyof Answers]: Answers[K] | undefined }): Promise<Answers | undefined> {
  const korean = ownLanguage() === 'ko'
  const lang = given.lang ?? (await select({ message: 'Language · 언어', initialValue: ownLanguage(), options: LANGUAGES }))
  if (isCancel(lang)) return undefined
  const say = (en: string, ko: string): string => (lang === 'ko' || (lang === undefined && korean) ? ko : en)
  const initial = 'my-shop'
  const folder =
    given.folder ?? (await text({ message: say('Where is it to stand?', '어느 폴더에 만들까요?'), initialValue: initial }))
  if (isCancel(folder)) return undefined
  const options = [
    { value: 'first' as const, label: say('One service, to begin with', '서비스 하나로 시작') },
    { value: 'shop' as const, label: say('Three services: order, stock, payment', '서비스 셋: 주문, 재고, 결제') },
  ]
  const template = given.template ?? (await select({ message: say('What is in it?', '무엇을 넣을까요?'), options }))
  return isCancel(template) ? undefined : { lang, folder, template }
}

const LANGUAGES = [
  { value: 'en' as const, label: 'English' },
  { value: 'ko' as const, label: '한국어' },
]

/** @returns whether npm could; its own words stand above ours */
async function install(folder: string): Promise<boolean> {
  const npm = spawn('npm', ['install', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  const code = await new Promise<number | null>((done) => void npm.on('close', done).on('error', () => done(null)))
  if (code === 0) return true
  process.stderr.write(
    `Cannot install what the project needs: npm ended with ${code ?? 'no code'}, and says why above. The project is written, without its packages. If the registry cannot be reached, run "npm install" there once it can; if it has no Dure, delete the folder and make the project again with --from and a folder of tarballs.\n`,
  )
  return false
}

function nextSteps({ folder, lang, install: must }: { folder: string; lang: 'en' | 'ko'; install: boolean }): string {
  const below = relative(process.cwd(), folder)
  const there = below.startsWith('..') ? folder : below
  const steps = [...(there === '' ? [] : [`cd ${there}`]), ...(must ? ['npm install'] : []), 'npm run dev']
  const [made, next] = lang === 'ko' ? ['만들었습니다', '이어서'] : ['Made', 'Then']
  return `\n${made}: ${folder}\n${next}:\n\n${steps.map((step) => `  ${step}`).join('\n')}\n\n`
}
