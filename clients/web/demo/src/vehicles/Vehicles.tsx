import { useConnection, useEvents } from '@weir/client/react';
import { Indicator } from '../controls/Indicator';
import { Part } from '../controls/Part';
import { timeOf } from '../time';
import { empty, update } from './grid';
import { line, vehicles } from './stream';
import './vehicles.css';

const readers = [{ name: 'vehicles', stream: vehicles, line }];
const rowsMax = 50;

export function Vehicles() {
  const grid = useEvents(vehicles, ['vehicle_update'], update, empty, { gap: () => empty });
  const lastEventTime = useConnection(vehicles, (status) => status.lastEventTime);
  const newest = [...grid].slice(-rowsMax).reverse();

  return (
    <Part id="vehicles" title="Vehicles" about="A car-search grid: rows arrive as they are published, and light up." readers={readers}>
      <div className="summary">
        <Indicator stream={vehicles} of="Vehicles" />
        <p>
          <b>{grid.size}</b> cars, the last at {timeOf(lastEventTime)}
        </p>
      </div>
      <div className="scroll" tabIndex={0} role="group" aria-label="The newest cars">
        <table className="cars">
          <thead>
            <tr>
              <th scope="col">Car</th>
              <th scope="col">Year</th>
              <th scope="col">Origin</th>
              <th scope="col">mpg</th>
              <th scope="col">hp</th>
              <th scope="col">lbs</th>
            </tr>
          </thead>
          <tbody>
            {newest.map(([id, { car, times }]) => (
              // Another key makes another row, which lights up again.
              <tr key={`${id} ${times}`} data-id={id}>
                <th scope="row">
                  <span>{car.make}</span> {car.model}
                </th>
                <td>{car.year}</td>
                <td data-origin={car.origin}>{car.origin}</td>
                <td>{car.milesPerGallon ?? '–'}</td>
                <td>{car.horsepower ?? '–'}</td>
                <td>{car.weightLbs}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Part>
  );
}
