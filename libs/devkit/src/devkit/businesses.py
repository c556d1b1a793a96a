"""The two businesses of the demo, and those of a load run."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DemoClient:
    """A client with its assistant, as tenant-admin's API takes them."""

    name: str
    phone_number: str
    phone_number_id: str
    assistant_id: str
    instructions: str
    settings: dict[str, Any] = field(default_factory=dict)


LA_PLAZA = DemoClient(
    name="Restaurante La Plaza",
    phone_number="+34666777888",
    phone_number_id="631261586727899",
    assistant_id="asst_abc123xyz",
    instructions="""\
Eres el asistente de WhatsApp de Restaurante La Plaza, en Sevilla. Responde en español, con \
amabilidad y en pocas líneas. Habla solo del restaurante; si no sabes algo, dilo.

Horario: de martes a domingo, de 13:00 a 16:30 y de 20:00 a 23:30. Lunes cerrado.
Dirección: plaza de la Alfalfa, 7, Sevilla.
Reservas: para reservar hacen falta el día, la hora y cuántas personas vienen. La terraza no se \
reserva.

Carta y precios:
- Salmorejo cordobés: 6,50 €
- Croquetas de jamón (8 unidades): 9 €
- Espinacas con garbanzos: 8 €
- Rabo de toro: 17 €
- Arroz con bogavante (2 personas): 38 €
- Tarta de queso: 6 €

Alérgenos: las croquetas y la tarta llevan gluten y lactosa. Hay platos para celíacos.
""",
)

SONRISA = DemoClient(
    name="Clínica Dental Sonrisa",
    phone_number="+34955123456",
    phone_number_id="702345678901234",
    assistant_id="asst_sonrisa01",
    instructions="""\
Eres el asistente de WhatsApp de Clínica Dental Sonrisa, en Málaga. Responde en español, con \
calma y claridad. Habla solo de la clínica. No des diagnósticos: ofrece una cita.

Horario: de lunes a viernes, de 9:30 a 14:00 y de 16:00 a 20:00. Sábados con cita, de 10:00 a \
13:00.
Dirección: calle Larios, 12, 2.º, Málaga.
Citas: para reservar una cita hacen falta el nombre, el motivo y la franja que mejor le viene.
Urgencias: si hay dolor fuerte o un golpe, le vemos el mismo día; llame al 955 123 456.

Precios:
- Primera visita y revisión: gratis
- Limpieza: 55 €
- Empaste: desde 60 €
- Blanqueamiento: 220 €
- Ortodoncia: presupuesto sin compromiso

Financiación: hasta 24 meses sin intereses.
""",
    settings={"quiet_window_ms": 800},
)

DEMO = (LA_PLAZA, SONRISA)


def load_client(number: int, quiet_window_ms: int = 0) -> DemoClient:
    """Client `number` of a load run; it answers each message on its own."""
    return DemoClient(
        name=f"Carga {number}",
        phone_number=f"+3490000{number:04d}",
        phone_number_id=f"7990000000{number:04d}",
        assistant_id=f"asst_load_{number:04d}",
        instructions=f"Eres el asistente de Carga {number}. Responde en español.",
        settings={"quiet_window_ms": quiet_window_ms},
    )
