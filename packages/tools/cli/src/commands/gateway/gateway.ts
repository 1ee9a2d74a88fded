import type { RouteMap } from '@stricli/core'
import type { Shell } from '../../shell.ts'
import { defineRoutes } from '../parameters.ts'
import { runCommand } from './run.ts'

export const gatewayCommands: RouteMap<Shell> = defineRoutes({
  routes: { run: runCommand },
  defaultCommand: 'run',
  brief: 'Run an API gateway, and look after it',
  help: `
        Runs an API gateway by itself. That is what happens without another word: dure gateway --config gateway.yaml.`,
  examples: ['dure gateway --config gateway.yaml'],
})
