import type { RouteMap } from '@stricli/core'
import type { Shell } from '../../shell.ts'
import { defineRoutes } from '../parameters.ts'
import { importCommand } from './import.ts'
import { runCommand } from './run.ts'
import { waitCommand } from './wait.ts'

export const gatewayCommands: RouteMap<Shell> = defineRoutes({
  routes: { run: runCommand, wait: waitCommand, import: importCommand },
  defaultCommand: 'run',
  brief: 'Run an API gateway, and look after it',
  help: `
        Runs an API gateway by itself. That is what happens without another word: dure gateway --config gateway.yaml.`,
  examples: [
    'dure gateway --config gateway.yaml',
    'dure gateway wait --config gateway.yaml --at 127.0.0.1:9901',
    'dure gateway import application.yml --out gateway.yaml',
  ],
})
