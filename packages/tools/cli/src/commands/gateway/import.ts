import type { Command } from '@stricli/core'
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { realRuntime } from 'dure/runtime'
import { misused, readSome } from '../../gateway-source.ts'
import { CliError, EXIT, print, say, type Shell } from '../../shell.ts'
import { defineCommand, textFlag } from '../parameters.ts'
import { library } from '../registry-library.ts'

type Flags = { readonly out?: string; readonly profile?: string; readonly ignore?: string }

export const importCommand: Command<Shell> = defineCommand({
  brief: 'Make a file of routes of that of another gateway',
  help: `
        Reads the routes of Spring Cloud Gateway or Zuul in an application.yml or application.properties, and writes them as a file for dure gateway
        --config. What is not understood is left out with its route and said, line by line; exits with 1 when there was any.`,
  examples: [
    'dure gateway import src/main/resources/application.yml --out gateway.yaml',
    'dure gateway import application.yml --ignore SaveSession,DedupeResponseHeader',
  ],
  flags: {
    out: textFlag('FILE', 'Where it is written (default: shown)'),
    profile: textFlag('NAME', 'Documents for this profile are read as well'),
    ignore: textFlag('NAME,…', 'Filters without which their routes are written all the same'),
  },
  positional: {
    kind: 'tuple',
    parameters: [{ parse: String, placeholder: 'file', brief: 'The configuration of the other gateway' }],
  },
  async func(this: Shell, { out, profile, ignore = '' }: Flags, file: string): Promise<void> {
    const { importRoutes } = await library<typeof import('@dure/gateway')>(this, 'an API gateway', '@dure/gateway')
    const text = readSome(resolve(this.cwd, file), file)
    const ignored = ignore.split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
    const how = { file, ignore: ignored, environment: this.process.env, now: realRuntime().clock.now() }
    const { yaml, notes } = ((): ReturnType<typeof importRoutes> => {
      try {
        return importRoutes(text, { ...how, ...(profile !== undefined && { profile }) })
      } catch (error) {
        return misused(error)
      }
    })()
    if (out === undefined) print(this, yaml)
    else writeFileSync(resolve(this.cwd, out), yaml)
    for (const { line, is, what, why } of notes) say(this, `${file}:${line}: ${is}: ${what}: ${why}`)
    const left = notes.filter(({ is }) => is === 'left out').length
    if (left > 0)
      throw new CliError(`${left === 1 ? 'One thing is' : `${left} things are`} left out, which is said above and in the file`, {
        exitCode: EXIT.failed,
      })
  },
})
