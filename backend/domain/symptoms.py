"""The messages of the libraries that we recognise, the most specific first."""

from backend.domain.symptom import Symptom
from backend.domain.symptoms_of_machines import MACHINE, RESOURCES
from backend.domain.symptoms_of_materials import HUB, MATERIALS
from backend.domain.symptoms_of_orders import ORDERS

SYMPTOMS: tuple[Symptom, ...] = (*RESOURCES, *HUB, *ORDERS, *MATERIALS, *MACHINE)
