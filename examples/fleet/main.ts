// `npm run fleet:redis` and `npm run fleet:sql` show in 20 seconds how processes that share only a database act as one.
import { randomBytes } from 'node:crypto';
import { FleetDemo } from './fleet-demo.js';
import { redisPlace, sqlPlace } from './place.js';

const name = `fleet_demo_${randomBytes(4).toString('hex')}`;
let demo: FleetDemo | undefined;
let interrupted = false;

const interrupt = (): void => {
  if (interrupted) process.exit(130);
  interrupted = true;
  console.log('\nInterrupted: ending the processes and removing what they have stored ...');
  void (demo?.stop() ?? Promise.resolve()).finally(() => process.exit(130));
};
process.on('SIGINT', interrupt);
process.on('SIGTERM', interrupt);

try {
  const place = await (process.argv[2] === 'redis' ? redisPlace(name) : sqlPlace(name));
  demo = new FleetDemo(place, name);
  const isGood = await demo.run();
  if (!interrupted) process.exitCode = isGood ? 0 : 1;
} catch (error) {
  if (!interrupted) {
    console.error(`The demo failed: ${(error as Error).message}`);
    await demo?.stop().catch(() => {});
    process.exitCode = 1;
  }
}
