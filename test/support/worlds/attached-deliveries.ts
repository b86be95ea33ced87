import { Deliveries } from '../../../src/callbacks/deliveries.js';
import type { DeliveryParts } from '../../../src/callbacks/delivery.js';
import { TypeNumbers } from '../../../src/callbacks/type-numbers.js';

/** Returns the deliveries of an engine that has no other callbacks: any URL is allowed, and no params are requested. */
export function attachDeliveries(parts: Omit<DeliveryParts, 'typeNumbers'>): Deliveries {
  const deliveries = new Deliveries({ ...parts, typeNumbers: new TypeNumbers(false) });
  parts.engine.attach({
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
