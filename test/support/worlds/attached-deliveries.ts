import { TypeNumbers } from '../../../src/callbacks/contract-type-numbers.js';
import { Deliveries } from '../../../src/callbacks/deliveries.js';
import type { DeliveringCore, DeliveryParts } from '../../../src/callbacks/delivery.js';
import type { Engine } from '../../../src/core/engine/engine.js';

interface AttachedParts extends Omit<DeliveryParts, keyof DeliveringCore | 'typeNumbers'> {
  readonly engine: Engine;
}

/** Returns the deliveries of an engine that has no other callbacks: any URL is allowed, and no params are requested. */
export function attachDeliveries({ engine, requests, secrets }: AttachedParts): Deliveries {
  const { store, clock, reader, documents, registry, records, events, closing } = engine;
  const core = { store, clock, reader, documents, registry, records, events, closing };
  const deliveries = new Deliveries({ ...core, requests, secrets, typeNumbers: new TypeNumbers(false) });
  engine.attach({
    assertUrl: () => {},
    askParams: async () => ({}),
    typeNumbers: 'standard',
    start: () => deliveries.start(),
    taskChanged: (key) => deliveries.taskChanged(key),
    taskRemoved: (key) => deliveries.taskRemoved(key),
    deliver: (key, lease) => deliveries.deliver(key, lease),
    stop: () => deliveries.stop(),
  });
  return deliveries;
}
